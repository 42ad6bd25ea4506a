-- Who is who in a database of Fairboard; run in it by a superuser, as often as one likes. `make run`, `make cluster` and
-- the compose file run it at each start. The application is no superuser, and the replicas have a role of their own.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fairboard_app') THEN
        CREATE ROLE fairboard_app LOGIN;
        GRANT pg_read_all_stats TO fairboard_app;  -- it reads how far replicas are, which is not everybody's to see
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'replication') THEN
        CREATE ROLE replication LOGIN REPLICATION;
    END IF;
END $$;

-- An earlier version ran the application as the superuser: what that one owns is handed over. Sequences of a table's
-- columns follow the table.
DO $$ DECLARE
    object record;
BEGIN
    FOR object IN
        SELECT format('ALTER DATABASE %I OWNER TO fairboard_app', d.datname) AS command
        FROM pg_database d WHERE d.datname = current_database() AND d.datdba <> 'fairboard_app'::regrole
        UNION ALL
        SELECT format('ALTER TABLE %s OWNER TO fairboard_app', c.oid::regclass)
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relowner <> 'fairboard_app'::regrole
          AND (c.relkind IN ('r', 'p', 'v', 'm') OR c.relkind = 'S' AND NOT EXISTS (
              SELECT FROM pg_depend d
              WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO fairboard_app', p.oid::regprocedure)
        FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proowner <> 'fairboard_app'::regrole
    LOOP
        EXECUTE object.command;
    END LOOP;
END $$;
