"""Files on their way and at rest: uploads that go on after anything, names and types, downloads, and what is cleaned away."""
