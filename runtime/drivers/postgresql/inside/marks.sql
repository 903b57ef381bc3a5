-- The administration of a server: of a new one before anybody can reach it. Each statement ends with an empty line.
REVOKE ALL ON DATABASE template1, postgres FROM PUBLIC;

CREATE SCHEMA IF NOT EXISTS wcp360;

CREATE TABLE IF NOT EXISTS wcp360.marks (kind text CHECK (kind IN ('database', 'login')), name text, owner text NOT NULL, database oid, mark jsonb, PRIMARY KEY (kind, name));

