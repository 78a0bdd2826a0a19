"""What other processes than the measuring one count, so that one scrape tells the sums of all."""
