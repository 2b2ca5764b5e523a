"""All stand-ins in one asyncio process: composed, listening, failing on request."""
