-- The administration of a new server, before anybody can reach it. Each statement ends with an empty line.
REVOKE ALL ON DATABASE template1, postgres FROM PUBLIC;

CREATE SCHEMA wcp360;

CREATE TABLE wcp360.marks (kind text CHECK (kind IN ('database', 'login')), name text, owner text NOT NULL, database oid, mark jsonb, PRIMARY KEY (kind, name));

