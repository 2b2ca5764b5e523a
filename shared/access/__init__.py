"""Who is calling, and may they: one answer for REST, internal routes and gRPC.

strict_json, outbound: what arrives from outside, and how it is fetched · keys: the issuer's signing keys ·
tokens: bearer token -> claims · authoriser: claims -> caller, scopes, tenant · binding: may this tenant act here ·
governance: the policy point's decision and the receipt that proves it later.

Nothing here knows HTTP requests, gRPC contexts or a store.
"""
