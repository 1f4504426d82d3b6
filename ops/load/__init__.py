"""A load test over the SDK: publishes and context requests at a set rate, measured here and by the workers."""
