from tests.e2e.driving import Platform, Tenant

def test_x(platform: Platform, tenant: Tenant) -> None:
    import time
    t=time.time()
    e = tenant.environment()
    print(time.time()-t)
    from tests.e2e.driving import component, WORKER
    t=time.time()
    d = tenant.release(e, [component(), component(WORKER, target="container-apps")])
    print(time.time()-t, d)
    t=time.time()
    d = tenant.release(e, [component(version="1.4.3")])
    print(time.time()-t, d)
    assert 0
