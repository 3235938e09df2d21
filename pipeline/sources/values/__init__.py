"""Convert the values of columns, and the label, to the types of a tf.Example."""
