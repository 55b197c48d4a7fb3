"""Hot loops on raw arrays; README.md beside this file is their contract.  Imports nothing of minidelve."""
