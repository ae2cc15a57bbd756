"""From a Plan to the words that a large model was trained on. One module a family; pure text in, text out."""
