"""What every test may ask for."""

import os

from fireside.runners.declared import OLLAMA_VARIABLES, OPENAI_KEY_VARIABLES, OPENAI_URL_VARIABLES

pytest_plugins = ["tests.browser", "tests.models", "tests.postgres"]

# What somebody has set for a server of their own must not become a runner of every server that a test starts.
for _name in (*OLLAMA_VARIABLES, *OPENAI_URL_VARIABLES, *OPENAI_KEY_VARIABLES):
    os.environ.pop(_name, None)
