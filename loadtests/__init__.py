"""Load tests: locust drives 200K-context traffic against a served model, exactly and honestly."""
