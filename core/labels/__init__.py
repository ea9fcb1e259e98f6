"""Labels that the user gives to chips: which chip to label next, suggestions, doubtful labels."""
