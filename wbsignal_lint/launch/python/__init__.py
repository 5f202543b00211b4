"""Python that launches: ``subprocess``, ``os.system``, job files written and submitted → shell text and arguments."""
