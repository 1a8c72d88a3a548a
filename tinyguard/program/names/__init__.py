"""Static witness, by name: what cells bind and read, in the order of the document and in the one that counts prove."""
