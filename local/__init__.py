"""Embedded services and the supervisor that runs the whole product on one machine."""
