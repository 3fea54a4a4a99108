"""What a run writes: cases or steps go in; a JSON file, tables, plots and a page come out."""
