"""The isolation probe: a synthetic tenant tries to reach what is another's, all the time.

bait: what there is to be reached · recording: what was found, as report, finding and alert. The attempts themselves are
requests, and are made where requests are (`shared.http.probing`).
"""
