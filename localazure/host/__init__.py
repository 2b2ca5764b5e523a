"""The local Azure Functions host: one process, one event loop, the app's own code unchanged.

It does for the app what Azure's host and the Durable extension do: reads its functions' bindings, matches HTTP requests,
keeps timers, receives from Service Bus, runs orchestrations. The app runs on the real `azure-functions` and
`azure-functions-durable`; what is not emulated stops the host at start-up with the function's name (`NotEmulated`).
"""
