"""What a VDSM does on the wire: one suite for the simulator and for any VDSM that is given by URL."""
