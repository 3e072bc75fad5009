"""oVirt's API v4, as far as jobs and steps: existing vendors' clients work unchanged."""

from orchestrator.api.ovirt.routes import serve_ovirt

__all__ = ["serve_ovirt"]
