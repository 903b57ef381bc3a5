-- What every database of ours has inside. Run by the administrator, as a whole and as often as one likes; what it makes, tenants can neither see into, nor
-- call, nor take away. Groups are named after the database: <database>:owner, :readwrite, :readonly, :insert, :update, :delete.
DO $$
DECLARE
  owners text := quote_ident(current_database() || ':owner');
  writers text := quote_ident(current_database() || ':readwrite');
  readers text := quote_ident(current_database() || ':readonly');
  inserters text := quote_ident(current_database() || ':insert');
  updaters text := quote_ident(current_database() || ':update');
  deleters text := quote_ident(current_database() || ':delete');
  builtin regprocedure;
  each record;
BEGIN
  -- Once: an owner may have other wishes later.
  IF to_regnamespace('wcp360') IS NULL THEN
    EXECUTE 'CREATE SCHEMA wcp360';
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT USAGE ON SCHEMAS TO %s, %s', owners, writers, readers);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %s', owners, writers);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO %s', owners, writers);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT SELECT ON TABLES TO %s', owners, readers);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT SELECT ON SEQUENCES TO %s', owners, readers);
  END IF;
  -- Once, too; a database may be older than its groups of single rights.
  IF to_regclass('wcp360.listed') IS NULL THEN
    CREATE TABLE wcp360.listed ();
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT USAGE ON SCHEMAS TO %s, %s, %s', owners, inserters, updaters, deleters);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT INSERT ON TABLES TO %s', owners, inserters);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT USAGE ON SEQUENCES TO %s, %s', owners, inserters, updaters);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT UPDATE ON TABLES TO %s', owners, updaters);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT DELETE ON TABLES TO %s', owners, deleters);
    FOR each IN SELECT nspname FROM pg_namespace WHERE nspname = 'public' OR pg_get_userbyid(nspowner) = current_database() || ':owner' LOOP
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s, %s, %s', each.nspname, inserters, updaters, deleters);
      EXECUTE format('GRANT INSERT ON ALL TABLES IN SCHEMA %I TO %s', each.nspname, inserters);
      EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO %s, %s', each.nspname, inserters, updaters);
      EXECUTE format('GRANT UPDATE ON ALL TABLES IN SCHEMA %I TO %s', each.nspname, updaters);
      EXECUTE format('GRANT DELETE ON ALL TABLES IN SCHEMA %I TO %s', each.nspname, deleters);
    END LOOP;
  END IF;
  REVOKE ALL ON SCHEMA public FROM PUBLIC;
  EXECUTE format('GRANT USAGE ON SCHEMA public TO %s, %s, %s, %s, %s, %s', owners, writers, readers, inserters, updaters, deleters);
  -- Large objects are written by functions that everybody may call; and who else is at work, where, and how much, is nobody's business.
  FOR builtin IN
    SELECT oid::regprocedure FROM pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace
      AND (proname ~ '^pg_stat_get_(backend|db)_' OR proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lowrite', 'lo_truncate',
        'lo_truncate64', 'lo_import', 'pg_stat_get_activity', 'pg_stat_get_progress_info', 'pg_lock_status'))
      AND EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0)
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', builtin);
  END LOOP;
END $$;

-- What was taken away when it became full, to be given back.
CREATE TABLE IF NOT EXISTS wcp360.creators (schema oid, grantee oid, is_grantable boolean, PRIMARY KEY (schema, grantee));

-- Which extensions there are stands where it can be read without coming in here; those that PostgreSQL trusts everybody with are given out by us all the same.
CREATE OR REPLACE FUNCTION wcp360.note_extensions() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) AND tg_tag = 'CREATE EXTENSION'
    AND EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_type = 'extension') THEN
    RAISE EXCEPTION 'extensions are added by the settings of the database' USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM wcp360.note();
END $$;

CREATE OR REPLACE FUNCTION wcp360.note() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('COMMENT ON DATABASE %I IS %L', current_database(),
    (SELECT string_agg(extname, ',' ORDER BY extname) FROM pg_extension WHERE extname <> 'plpgsql'));
END $$;

-- Of a full database: on every table, before anything is written to it, by whomever and whatever way.
CREATE OR REPLACE FUNCTION wcp360.refuse_write() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the database is full: it can be read, and rows and tables can be deleted' USING ERRCODE = 'disk_full';
END $$;

CREATE OR REPLACE FUNCTION wcp360.refuse_change() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AND tg_tag NOT IN ('DROP TABLE', 'DROP INDEX', 'DROP MATERIALIZED VIEW') THEN
    RAISE EXCEPTION 'the database is full: it can be read, and rows and tables can be deleted' USING ERRCODE = 'disk_full';
  END IF;
END $$;

-- Relations of tenants, none of a session alone.
CREATE OR REPLACE VIEW wcp360.relations AS
  SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND n.nspname NOT IN ('wcp360', 'information_schema')
    AND n.nspname !~ '^pg_';

CREATE OR REPLACE VIEW wcp360.guards AS
  SELECT r.oid, r.name, t.tgname AS trigger, t.tgenabled <> 'D' AS is_on
  FROM pg_trigger t JOIN wcp360.relations r ON r.oid = t.tgrelid WHERE t.tgfoid = 'wcp360.refuse_write()'::regprocedure;

CREATE OR REPLACE VIEW wcp360.unguarded AS
  SELECT name FROM wcp360.relations r WHERE NOT EXISTS (SELECT FROM wcp360.guards g WHERE g.oid = r.oid AND g.is_on);

CREATE OR REPLACE FUNCTION wcp360.is_full() RETURNS boolean LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
  $$ SELECT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'wcp360_full') $$;

CREATE OR REPLACE FUNCTION wcp360.writing() RETURNS SETOF regprocedure LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
    AND proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lowrite', 'lo_truncate', 'lo_truncate64') $$;

CREATE OR REPLACE FUNCTION wcp360.grantee(role oid) RETURNS text LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
  $$ SELECT CASE role WHEN 0 THEN 'PUBLIC' ELSE (SELECT quote_ident(rolname) FROM pg_authid WHERE oid = role) END $$;

-- Changes are refused from here on, and writes once all tables are guarded. Names of triggers are new each time: nobody can have taken them before.
CREATE OR REPLACE FUNCTION wcp360.fill() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owners text := quote_ident(current_database() || ':owner');
  writers text := quote_ident(current_database() || ':readwrite');
  builtin regprocedure;
  each record;
BEGIN
  IF NOT wcp360.is_full() THEN
    PERFORM wcp360.reopen();
    CREATE EVENT TRIGGER wcp360_full ON ddl_command_start EXECUTE FUNCTION wcp360.refuse_change();
  END IF;
  FOR builtin IN SELECT wcp360.writing() LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM %s, %s', builtin, owners, writers);
  END LOOP;
  -- EXPLAIN ANALYZE makes tables, and no event trigger hears of it.
  FOR each IN
    SELECT n.oid, n.nspname, a.grantee, bool_or(a.is_grantable) AS is_grantable
    FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
    WHERE a.privilege_type = 'CREATE' AND n.nspname NOT IN ('wcp360', 'information_schema') AND n.nspname !~ '^pg_'
    GROUP BY n.oid, n.nspname, a.grantee
  LOOP
    INSERT INTO wcp360.creators VALUES (each.oid, each.grantee, each.is_grantable) ON CONFLICT DO NOTHING;
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM %s CASCADE', each.nspname, wcp360.grantee(each.grantee));
  END LOOP;
END $$;

-- A database may have more tables than one transaction can lock: some of them, and whether none is left.
CREATE OR REPLACE FUNCTION wcp360.guard() RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  each record;
BEGIN
  FOR each IN SELECT name FROM wcp360.unguarded LIMIT 200 LOOP
    EXECUTE format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION wcp360.refuse_write()',
      'wcp360_' || gen_random_uuid(), each.name);
  END LOOP;
  -- As those of constraints: they are in no dump, where nobody could restore them.
  UPDATE pg_trigger SET tgisinternal = true WHERE tgfoid = 'wcp360.refuse_write()'::regprocedure AND NOT tgisinternal;
  RETURN NOT EXISTS (SELECT FROM wcp360.unguarded);
END $$;

CREATE OR REPLACE FUNCTION wcp360.unguard() RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  each record;
BEGIN
  FOR each IN SELECT name, trigger FROM wcp360.guards LIMIT 200 LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', each.trigger, each.name);
  END LOOP;
  RETURN NOT EXISTS (SELECT FROM wcp360.guards);
END $$;

-- As it was before it was full, once no table is guarded any more; and what a database that never was full has from its beginning.
CREATE OR REPLACE FUNCTION wcp360.reopen() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owners text := quote_ident(current_database() || ':owner');
  writers text := quote_ident(current_database() || ':readwrite');
  builtin regprocedure;
  each record;
BEGIN
  DROP EVENT TRIGGER IF EXISTS wcp360_full;
  FOR each IN
    SELECT n.nspname, c.grantee, c.is_grantable FROM wcp360.creators c JOIN pg_namespace n ON n.oid = c.schema
    WHERE wcp360.grantee(c.grantee) IS NOT NULL
  LOOP
    EXECUTE format('GRANT CREATE ON SCHEMA %I TO %s %s', each.nspname, wcp360.grantee(each.grantee),
      CASE WHEN each.is_grantable THEN 'WITH GRANT OPTION' END);
  END LOOP;
  DELETE FROM wcp360.creators;
  EXECUTE format('GRANT CREATE ON SCHEMA public TO %s', owners);
  FOR builtin IN SELECT wcp360.writing() LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s, %s', builtin, owners, writers);
  END LOOP;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA wcp360 FROM PUBLIC;

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'wcp360_extensions') THEN
    CREATE EVENT TRIGGER wcp360_extensions ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION', 'ALTER EXTENSION', 'DROP EXTENSION')
      EXECUTE FUNCTION wcp360.note_extensions();
  END IF;
END $$;
