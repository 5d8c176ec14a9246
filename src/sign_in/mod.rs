//! Signing in (floor 5): who comes, whether an organization lets them in, and the session that follows.
