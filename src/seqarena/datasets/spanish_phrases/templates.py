"""Templates in both languages, and the phrases drawn from them without end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from string import Formatter

from seqarena.datasets.spanish_phrases.draws import DRAW, Rng, pick
from seqarena.datasets.spanish_phrases.pair import Pair

# Slots that are phrases by themselves.
ALONE = (
    "cardinal ordinal decimal fraction sum long full weekdayed monthed my when now span duration "
    "relative half measure measured or money price millions"
)

# Spanish = English; DRAW fills the {slots}, and 1 and 2 tell two of a kind apart. What could have
# two translations is left out: a bare "mil novecientos" is a number, years stand in dates or after
# "el año".
TEMPLATES = """\
número {cardinal} = number {cardinal}
más de {cardinal} = more than {cardinal}
capítulo {small1}, página {small2} = chapter {small1}, page {small2}
el {ranked} = the {ranked}
menos {decimal} = minus {decimal}
el {percent} por ciento = {percent} percent
una subida del {percent} por ciento = an increase of {percent} percent
entre el {percent1} y el {percent2} por ciento = between {percent1} and {percent2} percent
una bajada del {percent} por ciento en {duration} = a decrease of {percent} percent in {duration}
un aumento del {percent} por ciento entre {dates} = \
an increase of {percent} percent between {dates}
el {rank} {weekday} de {my} = the {rank} {weekday} of {my}
el {rank} trimestre de {year} = the {rank} quarter of {year}
el año {year} = the year {year}
el año {small} antes de cristo = the year {small} before christ
el siglo {century} = the {century} century
{edge} del siglo {century} = {edge} of the {century} century
{edge} de los años {decade} = {edge} of the {decade}
{edge} de {my} = {edge} of {my}
cada {weekday} = every {weekday}
todos los {weekdays} = every {weekdays}
todos los {weekdays} a {time} = every {weekdays} at {time}
el {weekday} {daypart} = on {weekday} {daypart}
de {weekday1} a {weekday2} = from {weekday1} to {weekday2}
antes de {el_monthed} = before {el_monthed}
después de {el_long} = after {el_long}
hasta {el_full} = until {el_full}
a partir de {el_weekdayed} = from {el_weekdayed} onwards
entre {dates} = between {dates}
{relative}, {el_long} = {relative}, on {el_long}
a {time} = at {time}
poco después de {time} = shortly after {time}
hacia {time} = around {time}
{today} a {time} = {today} at {time}
{el_monthed} a {time} = {el_monthed} at {time}
{el_weekdayed} a {time} = {el_weekdayed} at {time}
{el_full} a {time} = {el_full} at {time}
el {vehicle} de {departure} = the {departure} {vehicle}
el {vehicle} de {departure} llega con {minutes} de retraso = \
the {departure} {vehicle} is {minutes} late
{span} de {el_monthed} = {span} on {el_monthed}
{span} de {el_weekdayed} = {span} on {el_weekdayed}
{span} de {el_full} = {span} on {el_full}
de {weekday1} a {weekday2}, {span} = from {weekday1} to {weekday2}, {span}
durante {duration} = for {duration}
{plural} más tarde = {plural} later
cada {plural} = every {plural}
{next} = the {next}
{about} = about {about}
entre {between} = between {between}
de {range} = from {range}
menos de {measure} = less than {measure}
{measure} como máximo = at most {measure}
{measured} como mínimo = at least {measured}
menos {degrees} = minus {degrees}
{below} bajo cero = {below} below zero
la temperatura subirá de {warming} el {weekday} {daypart} = \
the temperature will rise from {warming} on {weekday} {daypart}
a {speed} = at {speed}
a {length} de distancia = {length} away
a {length} al {direction} de la ciudad = {length} {direction} of the city
una torre de {meters} de altura = a tower {meters} high
una habitación de {meters1} de largo por {meters2} de ancho = \
a room {meters1} long by {meters2} wide
pesa {weight} y mide {meters} = it weighs {weight} and measures {meters}
un recorrido de {length} en {hours} = a distance of {length} in {hours}
cuesta {price} = it costs {price}
cuesta {price} {each} = it costs {price} per {each}
{money} por {period} = {money} per {period}
entre {moneys} = between {moneys}
un descuento del {percent} por ciento sobre un precio de {money} = \
a discount of {percent} percent on a price of {money}
un pago de {price} antes de {el_long} = a payment of {price} before {el_long}
un alquiler de {money} al mes desde {el_monthed1} hasta {el_monthed2} = \
a rent of {money} a month from {el_monthed1} until {el_monthed2}
una tarifa de {money} por {period} más un {percent} por ciento de impuestos = \
a rate of {money} per {period} plus {percent} percent tax
se pagaron {sums} {el_long} = {sums} were paid on {el_long}
se vendieron {tons} de {cargo} en {my} = {tons} of {cargo} were sold in {my}
un vuelo de {hours} que sale {el_weekdayed} a {time} = \
a flight of {hours} that leaves on {el_weekdayed} at {time}
la reunión de {el_weekdayed} empieza a {daytime} y dura {hours} = \
the meeting on {el_weekdayed}, starts at {daytime} and lasts {hours}
la cita con el médico es {el_full} a {daytime} = \
the appointment with the doctor is on {el_full} at {daytime}
el museo abre cada {weekday} {span} y la entrada cuesta {price} = \
the museum opens every {weekday} {span} and the ticket costs {price}
el paquete de {weight} llegará {el_weekdayed}, {span} = \
the package of {weight} will arrive on {el_weekdayed}, {span}
el curso dura {days} y empieza {el_full} a {daytime} = \
the course lasts {days} and starts on {el_full} at {daytime}
el plazo termina {el_full}, {days} después de la firma = \
the period ends on {el_full}, {days} after the signing
"""


def phrases(rng: Rng) -> Iterator[Pair]:
    """Draw phrases without end, each template as often as any other; short ones come again."""
    templates = [Pair(f"{{{slot}}}", f"{{{slot}}}") for slot in ALONE.split()]
    templates += [Pair(*line.split(" = ")) for line in TEMPLATES.splitlines()]
    while True:
        template = pick(rng, templates)
        names = [name for _, name, _, _ in Formatter().parse(template.es) if name]
        yield fill(template, {name: DRAW[name.rstrip("12")](rng) for name in names})


def fill(template: Pair, slots: Mapping[str, Pair]) -> Pair:
    """Put pairs into the slots of a template; "de el" and "a el" become one word."""
    es = template.es.format_map({name: pair.es for name, pair in slots.items()})
    en = template.en.format_map({name: pair.en for name, pair in slots.items()})
    return Pair(re.sub(r"\b(de|a) el\b", r"\1l", es), en)
