// The composition root of the web app. Not a place for logic: it makes the real transport, storage and clock, and mounts the view.
