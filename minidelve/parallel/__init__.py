"""The paper's scheme of many workers (section 3): conv layers on shares of the batch, one worker for the rest.

Code that divides whole layers among workers belongs here. Dividing the work of one op belongs in backend/threads.py.
"""
