# Draws curves as SVG, with logarithmic axes. Each line of the input has x and one
# y for each of the `names`, which are separated by semicolons.

function log10(value) {
    return log(value) / log(10)
}
# Within what logarithms are accurate to.
function floor(value, whole) {
    value += 1e-9
    whole = int(value)
    return whole > value ? whole - 1 : whole
}
function ceiling(value) {
    return -floor(-value)
}
function column(value) {
    return left + (log10(value) - x_from) / (x_to - x_from) * width
}
function row(value) {
    return top + height - (log10(value) - y_from) / (y_to - y_from) * height
}
function shown(exponent) {
    return exponent < 0 ? sprintf("%.*f", -exponent, 10 ^ exponent) : sprintf("%d", 10 ^ exponent)
}
function write(x, y, anchor, words) {
    printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, words
}
function draw(x1, y1, x2, y2) {
    printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ccc\"/>\n", x1, y1, x2, y2
}

NF > 1 {
    count++
    for (field = 1; field <= NF; field++) values[count, field] = $field
    if (count == 1) {least_x = most_x = $1; least_y = most_y = $2}
    if ($1 < least_x) least_x = $1
    if ($1 > most_x) most_x = $1
    for (field = 2; field <= NF; field++) {
        if ($field < least_y) least_y = $field
        if ($field > most_y) most_y = $field
    }
    fields = NF
}

END {
    if (count < 2 || least_x <= 0 || least_y <= 0) {
        print "plot.awk: two lines of positive numbers are needed" >"/dev/stderr"
        exit 1
    }
    left = 70; top = 20; width = 480; height = 280
    x_from = floor(log10(least_x)); x_to = ceiling(log10(most_x))
    y_from = floor(log10(least_y)); y_to = ceiling(log10(most_y))
    split("#1f77b4 #d62728 #2ca02c #9467bd", colors, " ")
    split(names, name, ";")
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"360\" font-family=\"sans-serif\" font-size=\"12\">"
    print "<rect width=\"720\" height=\"360\" fill=\"white\"/>"
    for (exponent = x_from; exponent <= x_to; exponent++) {
        draw(column(10 ^ exponent), top, column(10 ^ exponent), top + height)
        write(column(10 ^ exponent), top + height + 18, "middle", shown(exponent))
    }
    for (exponent = y_from; exponent <= y_to; exponent++) {
        draw(left, row(10 ^ exponent), left + width, row(10 ^ exponent))
        write(left - 8, row(10 ^ exponent) + 4, "end", shown(exponent))
    }
    write(left + width / 2, top + height + 38, "middle", x_label)
    printf "<text transform=\"rotate(-90)\" x=\"%d\" y=\"16\" text-anchor=\"middle\">%s</text>\n", -(top + height / 2), y_label
    for (field = 2; field <= fields; field++) {
        printf "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colors[field - 1]
        for (point = 1; point <= count; point++) {
            printf "%.1f,%.1f ", column(values[point, 1]), row(values[point, field])
        }
        print "\"/>"
        printf "<rect x=\"%d\" y=\"%d\" width=\"12\" height=\"3\" fill=\"%s\"/>\n", left + width + 12, top + 20 * (field - 1) - 4, colors[field - 1]
        write(left + width + 28, top + 20 * (field - 1), "start", name[field - 1])
    }
    print "</svg>"
}
