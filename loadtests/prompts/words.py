"""Everyday English words: many cost one token, with the space before them, in any vocabulary."""

from __future__ import annotations

WORDS = (
    "able air apple area arm art back ball band bank base bell bird blue board boat body book box "
    "boy bread bridge brown build card care cat chair city class clock cloud coat cold color corn "
    "cup dark data day deep desk dog door dress drink ear earth east egg end eye face fall farm "
    "fast field file fire fish floor flow fly food foot form free friend front fruit game garden "
    "gate girl glass gold good grass gray green group hair hand hat head heart hill home horse "
    "hour house ice image index iron island item key king lake land leaf left leg letter life "
    "light line list long map mark market meat metal milk mind moon morning mountain mouth music "
    "name neck night north nose number ocean office oil open order page paint paper park part "
    "path pen person picture plant plate point port power print queen rain range red rest rice "
    "ring river road rock room root rose round sail salt sand school sea seat seed set ship shoe "
    "shop side silver sky sleep smile snow song south space spring square star start state stone "
    "store storm street sugar summer sun system table tail tea test text time top tower town "
    "track train tree type valley value wall water wave west wheel white wind window wing winter "
    "wood word work world yard year yellow "
).split()
