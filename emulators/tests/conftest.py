"""What the suites of the embedded gRPC services share."""

from emulators.tests.fixtures import google_address, loop_thread

__all__ = ["google_address", "loop_thread"]
