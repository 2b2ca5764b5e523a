"""What a person does to what is under way: try again, go on in spite of a gate, lift a hold.

retrying: a new operation from one that failed, or another judgement of one that waits · promoting · releasing. Taking
back (`operations.cancelling`) needs to know nothing of kinds.
"""
