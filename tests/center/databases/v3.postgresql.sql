CREATE TABLE public.anchors (
    gateway text NOT NULL,
    store text NOT NULL,
    seq bigint NOT NULL,
    boot text DEFAULT ''::text NOT NULL,
    at bigint DEFAULT '0'::bigint NOT NULL,
    utc_ms bigint DEFAULT '0'::bigint NOT NULL,
    err_ms bigint DEFAULT '0'::bigint NOT NULL,
    received_ms bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.claims (
    gateway text NOT NULL,
    store text NOT NULL,
    session text NOT NULL,
    boot text NOT NULL,
    seq_high bigint NOT NULL,
    watching_since bigint NOT NULL,
    settled_to bigint DEFAULT '0'::bigint NOT NULL,
    received_ms bigint DEFAULT '0'::bigint NOT NULL,
    zero_ms bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.documents (
    gateway text NOT NULL,
    kind text NOT NULL,
    received_ms bigint DEFAULT '0'::bigint NOT NULL,
    payload bytea NOT NULL
);
CREATE TABLE public.events (
    gateway text NOT NULL,
    store text NOT NULL,
    seq bigint NOT NULL,
    session text DEFAULT ''::text NOT NULL,
    boot text DEFAULT ''::text NOT NULL,
    kind text DEFAULT ''::text NOT NULL,
    slot text DEFAULT ''::text NOT NULL,
    at bigint DEFAULT '0'::bigint NOT NULL,
    received_ms bigint DEFAULT '0'::bigint NOT NULL,
    payload bytea NOT NULL
);
CREATE TABLE public.imports (
    id integer NOT NULL,
    at_ms bigint DEFAULT '0'::bigint NOT NULL,
    source text DEFAULT ''::text NOT NULL,
    sha256 text DEFAULT ''::text NOT NULL,
    added bigint DEFAULT '0'::bigint NOT NULL,
    changed bigint DEFAULT '0'::bigint NOT NULL,
    unchanged bigint DEFAULT '0'::bigint NOT NULL
);
CREATE SEQUENCE public.imports_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.imports_id_seq OWNED BY public.imports.id;
CREATE TABLE public.journals (
    gateway text NOT NULL,
    store text NOT NULL,
    acked bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.lost (
    gateway text NOT NULL,
    store text NOT NULL,
    from_seq bigint NOT NULL,
    to_seq bigint NOT NULL,
    seq bigint NOT NULL,
    boot text DEFAULT ''::text NOT NULL,
    from_at bigint DEFAULT '0'::bigint NOT NULL,
    to_at bigint DEFAULT '0'::bigint NOT NULL,
    why text DEFAULT ''::text NOT NULL,
    received_ms bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.quarantine (
    digest text NOT NULL,
    gateway text DEFAULT ''::text NOT NULL,
    topic text DEFAULT ''::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    store text DEFAULT ''::text NOT NULL,
    seq bigint DEFAULT '0'::bigint NOT NULL,
    payload bytea NOT NULL,
    first_ms bigint DEFAULT '0'::bigint NOT NULL,
    last_ms bigint DEFAULT '0'::bigint NOT NULL,
    count bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.receipts (
    gateway text NOT NULL,
    from_ms bigint NOT NULL,
    to_ms bigint DEFAULT '0'::bigint NOT NULL
);
CREATE TABLE public.registry_changes (
    import_id bigint NOT NULL,
    gateway text NOT NULL,
    slot text NOT NULL,
    accepted_ms bigint NOT NULL,
    before text DEFAULT ''::text NOT NULL,
    after text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.sessions (
    gateway text NOT NULL,
    session text NOT NULL,
    boot text DEFAULT ''::text NOT NULL,
    store text DEFAULT ''::text NOT NULL,
    version text DEFAULT ''::text NOT NULL,
    why text DEFAULT ''::text NOT NULL,
    heard_ms bigint DEFAULT '0'::bigint NOT NULL,
    born_ms bigint,
    left_ms bigint,
    lost_ms bigint
);
CREATE TABLE public.settings (
    name text NOT NULL,
    value text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.sightings (
    gateway text NOT NULL,
    slot text NOT NULL
);
CREATE TABLE public.slots (
    gateway text NOT NULL,
    slot text NOT NULL,
    accepted_ms bigint NOT NULL,
    ended_ms bigint,
    city text DEFAULT ''::text NOT NULL,
    county text DEFAULT ''::text NOT NULL,
    unit text DEFAULT ''::text NOT NULL,
    kind text DEFAULT ''::text NOT NULL,
    zone text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.uptime (
    cities text NOT NULL,
    from_ms bigint NOT NULL,
    to_ms bigint DEFAULT '0'::bigint NOT NULL
);
ALTER TABLE ONLY public.imports ALTER COLUMN id SET DEFAULT nextval('public.imports_id_seq'::regclass);
INSERT INTO public.anchors VALUES ('zz-0001', 'j1', 1, 'b1', 900, 1793462400900, 20, 1793462401500);
INSERT INTO public.anchors VALUES ('zz-0001', 'j1', 6, 'b2', 1000, 1793470201000, 20, 1793470202500);
INSERT INTO public.claims VALUES ('zz-0001', 'j1', 's2', 'b2', 10, 2000, 7140000, 1793477340200, 1793470200200);
INSERT INTO public.claims VALUES ('zz-0001', 'j1', 's2', 'b2', 8, 2000, 3540000, 1793473740200, 1793470200200);
INSERT INTO public.claims VALUES ('zz-0001', 'j1', 's1', 'b1', 4, 0, 7140000, 1793470202500, 1793462400200);
INSERT INTO public.claims VALUES ('zz-0001', 'j1', 's1', 'b1', 3, 0, 3540000, 1793465940200, 1793462400200);
INSERT INTO public.events VALUES ('zz-0001', 'j1', 1, 's1', 'b1', 'anchor', '', 900, 1793462401500, '\x7b226b696e64223a2022616e63686f72222c2022736571223a20312c2022626f6f74223a20226231222c202273657373696f6e223a20227331222c20226174223a203930302c20227574635f6d73223a20313739333436323430303930302c20226572725f6d73223a2032302c2022736f75726365223a20226e7470227d');
INSERT INTO public.events VALUES ('zz-0001', 'j1', 2, 's1', 'b1', 'transition', 'k1', 1000, 1793462401500, '\x7b226b696e64223a20227472616e736974696f6e222c2022736571223a20322c2022626f6f74223a20226231222c202273657373696f6e223a20227331222c20226174223a20313030302c2022736c6f74223a20226b31222c202266726f6d223a2022756e6b6e6f776e222c2022746f223a20226f6e6c696e65222c20226c6576656c223a202273747265616d73227d');
INSERT INTO public.events VALUES ('zz-0001', 'j1', 3, 's1', 'b1', 'transition', 'k2', 1000, 1793462401500, '\x7b226b696e64223a20227472616e736974696f6e222c2022736571223a20332c2022626f6f74223a20226231222c202273657373696f6e223a20227331222c20226174223a20313030302c2022736c6f74223a20226b32222c202266726f6d223a2022756e6b6e6f776e222c2022746f223a20226f6e6c696e65222c20226c6576656c223a202273747265616d73227d');
INSERT INTO public.events VALUES ('zz-0001', 'j1', 4, 's1', 'b1', 'transition', 'k2', 3600000, 1793466000300, '\x7b226b696e64223a20227472616e736974696f6e222c2022736571223a20342c2022626f6f74223a20226231222c202273657373696f6e223a20227331222c20226174223a20333630303030302c2022736c6f74223a20226b32222c202266726f6d223a20226f6e6c696e65222c2022746f223a20226f66666c696e65222c20226c6576656c223a202273747265616d73227d');
INSERT INTO public.events VALUES ('zz-0001', 'j1', 5, 's1', 'b1', 'coverage', '', 5, 1793470202500, '\x7b226b696e64223a2022636f766572616765222c2022736571223a20352c2022626f6f74223a20226231222c202273657373696f6e223a20227331222c20226174223a20352c202266726f6d223a20302c2022746f223a20373134303030302c20227365715f68696768223a20347d');
INSERT INTO public.events VALUES ('zz-0001', 'j1', 6, 's2', 'b2', 'anchor', '', 1000, 1793470202500, '\x7b226b696e64223a2022616e63686f72222c2022736571223a20362c2022626f6f74223a20226232222c202273657373696f6e223a20227332222c20226174223a20313030302c20227574635f6d73223a20313739333437303230313030302c20226572725f6d73223a2032302c2022736f75726365223a20226e7470227d');
INSERT INTO public.events VALUES ('zz-0001', 'j1', 7, 's2', 'b2', 'transition', 'k1', 2000, 1793470202500, '\x7b226b696e64223a20227472616e736974696f6e222c2022736571223a20372c2022626f6f74223a20226232222c202273657373696f6e223a20227332222c20226174223a20323030302c2022736c6f74223a20226b31222c202266726f6d223a2022756e6b6e6f776e222c2022746f223a20226f6e6c696e65222c20226c6576656c223a202273747265616d73227d');
INSERT INTO public.events VALUES ('zz-0001', 'j1', 8, 's2', 'b2', 'transition', 'k2', 2000, 1793470202500, '\x7b226b696e64223a20227472616e736974696f6e222c2022736571223a20382c2022626f6f74223a20226232222c202273657373696f6e223a20227332222c20226174223a20323030302c2022736c6f74223a20226b32222c202266726f6d223a2022756e6b6e6f776e222c2022746f223a20226f6e6c696e65222c20226c6576656c223a202273747265616d73227d');
INSERT INTO public.events VALUES ('zz-0001', 'j1', 10, 's2', 'b2', 'transition', 'k1', 4200000, 1793474400300, '\x7b226b696e64223a20227472616e736974696f6e222c2022736571223a2031302c2022626f6f74223a20226232222c202273657373696f6e223a20227332222c20226174223a20343230303030302c2022736c6f74223a20226b31222c202266726f6d223a20226f6e6c696e65222c2022746f223a20226f66666c696e65222c20226c6576656c223a202273747265616d73227d');
INSERT INTO public.imports VALUES (1, 1793462340000, 'registry.csv', 'b7740a9a039a65a13f6ebb0527dca007afcd2ebfddfa1f84333d422105b47fb5', 2, 0, 0);
INSERT INTO public.imports VALUES (2, 1793462400000, 'registry.csv', 'bc986609cfb404aea16ad84f254b313368759325bfa52318ff9a40f4b67969b0', 0, 1, 1);
INSERT INTO public.journals VALUES ('zz-0001', 'j1', 10);
INSERT INTO public.quarantine VALUES ('0ee2c72582d0fb6d91bea4b3c7b61acb666ca20f187fb462d4564b182c0984be', 'zz-0001', 'mclz/v1/4101/zz-0001/up/ev', 'undecodable event: Invalid enum value ''sideways'' - at `$.to`', 'j1', 9, '\x7b226b696e64223a20227472616e736974696f6e222c2022736571223a20392c2022626f6f74223a20226232222c202273657373696f6e223a20227332222c20226174223a20333630303030302c2022736c6f74223a20226b31222c202266726f6d223a20226f6e6c696e65222c2022746f223a20227369646577617973222c20226c6576656c223a202273747265616d73227d', 1793473800300, 1793473800300, 1);
INSERT INTO public.quarantine VALUES ('82d3882b41a48d3cf266e23bca30586b1e97daa918540e61a8d4f8d842a6bb95', 'zz-0001', 'mclz/v1/4101/zz-0001/up/ev', 'duplicate_identity: one seq with two contents', 'j1', 10, '\x7b226b696e64223a20227472616e736974696f6e222c2022736571223a2031302c2022626f6f74223a20226232222c202273657373696f6e223a20227332222c20226174223a20343230303030302c2022736c6f74223a20226b31222c202266726f6d223a20226f6e6c696e65222c2022746f223a2022756e6b6e6f776e222c20226c6576656c223a202273747265616d73227d', 1793477400000, 1793477400000, 1);
INSERT INTO public.quarantine VALUES ('0e11ccdaba5f2ed746e00bedde5eb7a2a3dd8368ed72030639d9a13a7f1d5c9d', 'zz-0001', 'mclz/v1/4101/zz-0001/up/hb', 'undecodable: Expected `object`, got `str`', '', 0, '\x226e6f6e73656e736522', 1793477460000, 1793477460000, 1);
INSERT INTO public.receipts VALUES ('zz-0001', 1793462401000, 1793469540200);
INSERT INTO public.receipts VALUES ('zz-0001', 1793470202000, 1793477460000);
INSERT INTO public.registry_changes VALUES (1, 'zz-0001', 'k1', 1793462400000, '', '{"gateway":"zz-0001","slot":"k1","city":"4101","county":"410102","unit":"示范小学食堂","kind":"canteen","zone":"烹饪间","accepted_ms":1793462400000,"ended_ms":null}');
INSERT INTO public.registry_changes VALUES (1, 'zz-0001', 'k2', 1793462400000, '', '{"gateway":"zz-0001","slot":"k2","city":"4101","county":"410102","unit":"示范小学食堂","kind":"canteen","zone":"烹饪间","accepted_ms":1793462400000,"ended_ms":null}');
INSERT INTO public.registry_changes VALUES (2, 'zz-0001', 'k2', 1793462400000, '{"gateway":"zz-0001","slot":"k2","city":"4101","county":"410102","unit":"示范小学食堂","kind":"canteen","zone":"烹饪间","accepted_ms":1793462400000,"ended_ms":null}', '{"gateway":"zz-0001","slot":"k2","city":"4101","county":"410102","unit":"示范小学食堂","kind":"canteen","zone":"面点间","accepted_ms":1793462400000,"ended_ms":null}');
INSERT INTO public.sessions VALUES ('zz-0001', 's1', 'b1', 'j1', '1', '', 1793469540200, 1793462401000, NULL, NULL);
INSERT INTO public.sessions VALUES ('zz-0001', 's2', 'b2', 'j1', '1', '', 1793477340200, 1793470202000, NULL, NULL);
INSERT INTO public.settings VALUES ('schema', '3');
INSERT INTO public.sightings VALUES ('zz-0001', 'k1');
INSERT INTO public.sightings VALUES ('zz-0001', 'k2');
INSERT INTO public.slots VALUES ('zz-0001', 'k1', 1793462400000, NULL, '4101', '410102', '示范小学食堂', 'canteen', '烹饪间');
INSERT INTO public.slots VALUES ('zz-0001', 'k2', 1793462400000, NULL, '4101', '410102', '示范小学食堂', 'canteen', '面点间');
INSERT INTO public.uptime VALUES ('', 1793458800000, 1793498400000);
ALTER TABLE ONLY public.anchors
    ADD CONSTRAINT anchors_pkey PRIMARY KEY (gateway, store, seq);
ALTER TABLE ONLY public.claims
    ADD CONSTRAINT claims_pkey PRIMARY KEY (gateway, store, session, boot, seq_high, watching_since);
ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (gateway, kind);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (gateway, store, seq);
ALTER TABLE ONLY public.imports
    ADD CONSTRAINT imports_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.journals
    ADD CONSTRAINT journals_pkey PRIMARY KEY (gateway, store);
ALTER TABLE ONLY public.lost
    ADD CONSTRAINT lost_pkey PRIMARY KEY (gateway, store, from_seq, to_seq, seq);
ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY public.receipts
    ADD CONSTRAINT receipts_pkey PRIMARY KEY (gateway, from_ms);
ALTER TABLE ONLY public.registry_changes
    ADD CONSTRAINT registry_changes_pkey PRIMARY KEY (import_id, gateway, slot, accepted_ms);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (gateway, session);
ALTER TABLE ONLY public.settings
    ADD CONSTRAINT settings_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.sightings
    ADD CONSTRAINT sightings_pkey PRIMARY KEY (gateway, slot);
ALTER TABLE ONLY public.slots
    ADD CONSTRAINT slots_pkey PRIMARY KEY (gateway, slot, accepted_ms);
ALTER TABLE ONLY public.uptime
    ADD CONSTRAINT uptime_pkey PRIMARY KEY (cities, from_ms);
CREATE INDEX quarantine_of ON public.quarantine USING btree (gateway, store, seq);
