-- person: what is done with the keys of imports: erasing people, sealing again.

CREATE FUNCTION attest_internal.import_erase(person uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  held record;
  emptied int := 0;
BEGIN
  -- Records are sealed by the file, and one that was rejected may name its person by anything, or wrongly: no
  -- search would find them all.  By the id of an import, that import: a restored backup that lost its key.
  FOR held IN
    SELECT i.import_id FROM attest_data.import i
    WHERE i.tenant_id = attest_internal.required_tenant() AND i.emptied_at IS NULL
      AND (i.import_id = person OR EXISTS (SELECT FROM attest_data.person p WHERE p.tenant_id = i.tenant_id AND p.person_id = person))
    ORDER BY i.import_id FOR UPDATE OF i
  LOOP
    PERFORM attest_internal.empty_import(held.import_id);
    emptied := emptied + 1;
  END LOOP;
  IF emptied > 0 THEN
    RAISE NOTICE 'imports emptied with the person: %', emptied
      USING HINT = 'Their records, staged or rejected, may have been about the person; send the files again without them.';
  END IF;
  RETURN emptied;
END
$$;
COMMENT ON FUNCTION attest_internal.import_erase(uuid) IS
'Empties every import of the tenant that holds records, staged or rejected, when somebody of the register is erased (GDPR art. 17): they may be about the person. Says so in a NOTICE; returns how many imports.';

CREATE FUNCTION attest_internal.import_owns(subject uuid) RETURNS int
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT count(*)::int FROM attest_data.import i WHERE i.tenant_id = attest_internal.required_tenant() AND i.import_id = subject
$$;
COMMENT ON FUNCTION attest_internal.import_owns(uuid) IS '1 where the key of this id seals an import, 0 otherwise.';

CREATE FUNCTION attest_internal.import_reseal(subject uuid) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rests int;
  blocks int;
BEGIN
  UPDATE attest_data.import i SET rest = attest_internal.reseal(i.rest)
  WHERE i.tenant_id = attest_internal.required_tenant() AND i.import_id = subject AND i.rest IS NOT NULL;
  GET DIAGNOSTICS rests = ROW_COUNT;
  UPDATE attest_data.import_block b SET source = attest_internal.reseal(b.source)
  WHERE b.tenant_id = attest.current_tenant() AND b.import_id = subject;
  GET DIAGNOSTICS blocks = ROW_COUNT;
  RETURN rests + blocks;
END
$$;
COMMENT ON FUNCTION attest_internal.import_reseal(uuid) IS 'Seals what an import holds again under its newest key; returns how many values.';
