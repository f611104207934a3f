"""What every test may ask for."""

pytest_plugins = ["tests.browser", "tests.models", "tests.postgres"]
