\set SHOW_CONTEXT never
-- Names as a search compares them.
SELECT attest_internal.search_name('Le Gall-Riou', 'Maëlle', NULL);
SELECT attest_internal.search_name('d’Épreuve', 'Œnone', 'Straße'), attest_internal.search_name('LE GALL', 'Zoé', 'le-gall');
SELECT attest_internal.search_name(NULL, '-', '') IS NULL AS nothing;
