"""The shell around the machine: submit, run, report, poll, reconcile, control. One writer, one sender."""
