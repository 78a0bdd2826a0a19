"""Real servers, one file each: started on free ports, ready when they answer, stopped by pid."""
