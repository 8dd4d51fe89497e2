"""From a solution version to answers: campaigns, filters, recommendations."""
