"""Child processes: started, fed, limited and killed; and their own side."""
