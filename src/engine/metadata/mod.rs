//! SHOW, system variables and information_schema, from the catalog and the session.
