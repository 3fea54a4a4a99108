"""The pictures that the commands draw; `plots` has what several of them share."""
