"""Words, units and currencies: what the draws choose from."""

# Words, Spanish=English, for the slots that neither library has.
WORDS = {
    "today": "hoy=today, mañana=tomorrow, ayer=yesterday, anteayer=the day before yesterday, "
    "pasado mañana=the day after tomorrow",
    "when": "esta mañana=this morning, esta tarde=this afternoon, esta noche=tonight, "
    "anoche=last night, hoy=today, mañana por la mañana=tomorrow morning, "
    "mañana por la tarde=tomorrow afternoon, mañana por la noche=tomorrow night, mañana=tomorrow, "
    "ayer por la mañana=yesterday morning, ayer por la tarde=yesterday afternoon, ayer=yesterday, "
    "anteayer=the day before yesterday, pasado mañana=the day after tomorrow",
    "daypart": "por la mañana=morning, por la tarde=afternoon, por la noche=night",
    "weekdays": "lunes=monday, martes=tuesday, miércoles=wednesday, jueves=thursday, "
    "viernes=friday, sábados=saturday, domingos=sunday",
    "rank": "primer=first, segundo=second, tercer=third, cuarto=fourth, último=last",
    "edge": "a principios=at the beginning, a mediados=in the middle, a finales=at the end",
    "decade": "veinte=twenties, treinta=thirties, cuarenta=forties, cincuenta=fifties, "
    "sesenta=sixties, setenta=seventies, ochenta=eighties, noventa=nineties",
    "vehicle": "tren=train, vuelo=flight, autobús=bus, barco=boat",
    "direction": "norte=north, sur=south, este=east, oeste=west",
    "cargo": "trigo=wheat, arroz=rice, café=coffee, acero=steel, carbón=coal, papel=paper",
    "period": "hora=hour, día=day, semana=week, mes=month, noche=night, persona=person",
    "each": "el kilogramo=kilogram, el gramo=gram, el litro=liter, el metro=meter, la libra=pound, "
    "la onza=ounce, la docena=dozen, el metro cuadrado=square meter, la hectárea=hectare",
    "thing": "capítulo=chapter, piso=floor, aniversario=anniversary, intento=attempt, día=day, "
    "mes=month, página=page, edición=edition, vuelta=lap, puerta=door, semana=week, hora=hour",
}

# Units of CLDR; those of one Spanish word take a half.
TIMES = (
    "duration-second duration-minute duration-hour duration-day duration-week duration-month "
    "duration-year "
)
LENGTHS = "length-kilometer length-meter length-centimeter length-mile length-yard length-foot "
WEIGHTS = "mass-kilogram mass-gram mass-tonne mass-pound mass-ounce "
VOLUMES = "volume-liter volume-milliliter volume-gallon volume-pint volume-cup volume-teaspoon "
DEGREES = "temperature-celsius temperature-fahrenheit "
SPEEDS = "speed-kilometer-per-hour speed-meter-per-second speed-mile-per-hour speed-knot "
HALVED = TIMES + LENGTHS + WEIGHTS + VOLUMES
UNITS = (
    HALVED + DEGREES + SPEEDS + "area-hectare area-acre area-square-meter area-square-kilometer "
    "area-square-mile volume-cubic-meter volume-barrel volume-tablespoon length-millimeter "
    "length-inch length-nautical-mile length-light-year mass-milligram duration-decade "
    "digital-megabyte digital-gigabyte energy-kilocalorie energy-joule power-kilowatt "
    "power-horsepower electric-volt electric-ampere frequency-megahertz pressure-atmosphere "
    "pressure-hectopascal graphics-pixel angle-degree concentr-permillion"
)
COINS = "EUR USD GBP MXN CAD AUD "  # num2words names their hundredths in both languages
CURRENCIES = COINS + ("JPY CHF SEK INR BRL ARS COP CLP PEN CNY RUB PLN KRW TRY EGP UYU DKK NOK CZK")
