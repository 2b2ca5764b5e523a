"""An environment's infrastructure is put right: the engine that made it makes it again, as it was provisioned.

service: the intent · orchestrator: the procedure · activities: its effects. What stands and is as it was made is left
alone; whether it helped is for the next look to say (`environments.looking`), which follows at once.
"""
