"""The paper's scheme of many workers (section 3): conv layers on shares of the batch, one worker for the rest.

What divides whole layers over workers belongs here; dividing the work of one op is backend/threads.py.
"""
