"""Language tags: what containers write (ISO 639-2) and what manifests want (BCP 47, RFC 5646)."""

import re

UNDETERMINED = "und"


def _table(pairs: str) -> dict[str, str]:
    return dict(pair.split(":") for pair in pairs.split())


# ISO 639-2 terminological code, then the ISO 639-1 code that BCP 47 prefers to it.
_TWO_LETTERS = _table(
    "aar:aa abk:ab afr:af aka:ak amh:am ara:ar arg:an asm:as ava:av ave:ae aym:ay aze:az "
    "bak:ba bam:bm bel:be ben:bn bis:bi bod:bo bos:bs bre:br bul:bg cat:ca ces:cs cha:ch "
    "che:ce chu:cu chv:cv cor:kw cos:co cre:cr cym:cy dan:da deu:de div:dv dzo:dz ell:el "
    "eng:en epo:eo est:et eus:eu ewe:ee fao:fo fas:fa fij:fj fin:fi fra:fr fry:fy ful:ff "
    "gla:gd gle:ga glg:gl glv:gv grn:gn guj:gu hat:ht hau:ha heb:he her:hz hin:hi hmo:ho "
    "hrv:hr hun:hu hye:hy ibo:ig ido:io iii:ii iku:iu ile:ie ina:ia ind:id ipk:ik isl:is "
    "ita:it jav:jv jpn:ja kal:kl kan:kn kas:ks kat:ka kau:kr kaz:kk khm:km kik:ki kin:rw "
    "kir:ky kom:kv kon:kg kor:ko kua:kj kur:ku lao:lo lat:la lav:lv lim:li lin:ln lit:lt "
    "ltz:lb lub:lu lug:lg mah:mh mal:ml mar:mr mkd:mk mlg:mg mlt:mt mon:mn mri:mi msa:ms "
    "mya:my nau:na nav:nv nbl:nr nde:nd ndo:ng nep:ne nld:nl nno:nn nob:nb nor:no nya:ny "
    "oci:oc oji:oj ori:or orm:om oss:os pan:pa pli:pi pol:pl por:pt pus:ps que:qu roh:rm "
    "ron:ro run:rn rus:ru sag:sg san:sa sin:si slk:sk slv:sl sme:se smo:sm sna:sn snd:sd "
    "som:so sot:st spa:es sqi:sq srd:sc srp:sr ssw:ss sun:su swa:sw swe:sv tah:ty tam:ta "
    "tat:tt tel:te tgk:tg tgl:tl tha:th tir:ti ton:to tsn:tn tso:ts tuk:tk tur:tr twi:tw "
    "uig:ug ukr:uk urd:ur uzb:uz ven:ve vie:vi vol:vo wln:wa wol:wo xho:xh yid:yi yor:yo "
    "zha:za zho:zh zul:zu"
)
_THREE_LETTERS = {two: three for three, two in _TWO_LETTERS.items()}
# ISO 639-2 bibliographic codes, which older files use.
_TERMINOLOGICAL = _table(
    "alb:sqi arm:hye baq:eus bur:mya chi:zho cze:ces dut:nld fre:fra geo:kat ger:deu gre:ell "
    "ice:isl mac:mkd mao:mri may:msa per:fas rum:ron slo:slk tib:bod wel:cym"
)
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,8}")


def language_tag(code: str) -> str:
    """Give the BCP 47 tag of a code found in a file: `ger` and `deu` become `de`.

    What is no tag at all becomes `und`, so that it can be written anywhere.
    """
    if not _TAG.fullmatch(code):
        return UNDETERMINED
    primary, dash, rest = code.partition("-")
    primary = primary.lower()
    primary = _TERMINOLOGICAL.get(primary, primary)
    return _TWO_LETTERS.get(primary, primary) + dash + rest


def iso639_2(tag: str) -> str:
    """Give the three letters that `mdhd` can hold (ISO/IEC 14496-12 §8.4.2), or `und`."""
    primary = tag.partition("-")[0].lower()
    primary = _TERMINOLOGICAL.get(primary, _THREE_LETTERS.get(primary, primary))
    return primary if re.fullmatch("[a-z]{3}", primary) else UNDETERMINED
