step_image() { skip image todo; }
