-- Brings a database that others made into the form of ours, once: what is in it becomes its owners', and its groups have on it what they have on all else. Run by
-- the administrator after database.sql, when nobody is logged in.
DO $$
DECLARE
  owners text := quote_ident(current_database() || ':owner');
  writers text := quote_ident(current_database() || ':readwrite');
  readers text := quote_ident(current_database() || ':readonly');
  inserters text := quote_ident(current_database() || ':insert');
  updaters text := quote_ident(current_database() || ':update');
  deleters text := quote_ident(current_database() || ':delete');
  each record;
BEGIN
  IF to_regclass('wcp360.adopted') IS NOT NULL THEN RETURN; END IF;
  FOR each IN SELECT nspname FROM pg_namespace WHERE oid >= 16384 AND nspname <> 'wcp360' AND nspname !~ '^pg_' LOOP
    EXECUTE format('ALTER SCHEMA %I OWNER TO %s', each.nspname, owners);
  END LOOP;
  -- What belongs to a table (its indexes, the sequence of a column, its row type) goes with it; what belongs to an extension stays.
  FOR each IN
    SELECT format('%I.%I', n.nspname, c.relname) AS name, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'c') AND n.nspname NOT IN ('wcp360', 'information_schema') AND n.nspname !~ '^pg_'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND (d.deptype = 'e'
        OR c.relkind = 'S' AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass))
  LOOP
    EXECUTE format('ALTER %s %s OWNER TO %s', CASE each.relkind WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END, each.name, owners);
  END LOOP;
  FOR each IN
    SELECT format_type(y.oid, NULL) AS name FROM pg_type y JOIN pg_namespace n ON n.oid = y.typnamespace
    WHERE y.oid >= 16384 AND y.typtype IN ('d', 'e', 'r') AND n.nspname <> 'wcp360' AND n.nspname !~ '^pg_'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = y.oid AND d.deptype = 'e')
  LOOP
    EXECUTE format('ALTER TYPE %s OWNER TO %s', each.name, owners);
  END LOOP;
  FOR each IN
    SELECT p.oid::regprocedure AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid >= 16384 AND n.nspname <> 'wcp360' AND n.nspname !~ '^pg_'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  LOOP
    EXECUTE format('ALTER ROUTINE %s OWNER TO %s', each.name, owners);
  END LOOP;
  FOR each IN SELECT oid FROM pg_largeobject_metadata LOOP
    EXECUTE format('ALTER LARGE OBJECT %s OWNER TO %s', each.oid, owners);
  END LOOP;
  FOR each IN SELECT nspname FROM pg_namespace WHERE nspname = 'public' OR pg_get_userbyid(nspowner) = current_database() || ':owner' LOOP
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s, %s, %s, %s, %s', each.nspname, writers, readers, inserters, updaters, deleters);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO %s', each.nspname, writers);
    EXECUTE format('GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA %I TO %s', each.nspname, writers);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %s', each.nspname, readers);
    EXECUTE format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA %I TO %s', each.nspname, readers);
    EXECUTE format('GRANT INSERT ON ALL TABLES IN SCHEMA %I TO %s', each.nspname, inserters);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO %s, %s', each.nspname, inserters, updaters);
    EXECUTE format('GRANT UPDATE ON ALL TABLES IN SCHEMA %I TO %s', each.nspname, updaters);
    EXECUTE format('GRANT DELETE ON ALL TABLES IN SCHEMA %I TO %s', each.nspname, deleters);
  END LOOP;
  CREATE TABLE wcp360.adopted ();
END $$;
