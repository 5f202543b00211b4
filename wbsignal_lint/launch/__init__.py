"""What a launch file does: the commands it runs, what runs them, and the sweep agents among them."""
