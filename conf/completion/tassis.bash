# bash completion for the commands of Tassis: verbs, options, parameter names, table types, queue IDs.
# It needs nothing but bash; where bash-completion is installed, this file is loaded on demand.

# The -c option that was given, so that names and IDs are those of the instance in question.
_tassis_instance() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -c ]] && printf '%s\n' -c "${COMP_WORDS[i + 1]}" && return
    done
}

_tassis_run() {
    local -a instance
    mapfile -t instance < <(_tassis_instance)
    "$1" "${instance[@]}" "${@:2}" 2>/dev/null
}

_tassis_queue_ids() { _tassis_run postqueue -j | sed -n 's/.*"queue_id": "\([^"]*\)".*/\1/p'; }
_tassis_parameters() { _tassis_run postconf -dH; _tassis_run postconf -nH; }
_tassis_table_types() { _tassis_run postconf -m; }
_tassis_services() { _tassis_run postconf -M | awk '{print $1 "/" $2}'; }

_tassis_options() {
    case $1 in
    tassis | postfix) echo "-c -D -v" ;;
    postconf) echo "-# -A -a -b -c -C -d -D -e -E -f -F -h -H -j -l -m -M -n -o -p -P -q -t -T -v -x -X" ;;
    postsuper) echo "-c -d -e -f -h -H -p -r -s -S -v" ;;
    postqueue) echo "-c -f -i -j -p -s -v" ;;
    postcat) echo "-b -c -d -e -h -o -q -r -s -v" ;;
    postmap) echo "-b -c -d -f -F -h -i -j -m -n -N -o -p -q -r -s -u -U -v -w" ;;
    postalias) echo "-c -d -f -i -j -n -N -o -p -q -r -s -u -v -w" ;;
    postkick) echo "-c -v" ;;
    postlock) echo "-c -l -v" ;;
    postlog) echo "-c -i -p -t -v" ;;
    postdrop) echo "-c -r -v" ;;
    postmulti) echo "-a -e -g -G -i -I -l -p -R -v -x" ;;
    posttls-finger) echo "-a -A -c -C -d -f -F -g -h -H -k -K -l -L -m -M -o -O -p -P -r -s -S -t -T -v -w -x -X" ;;
    qmqp-sink) echo "-4 -6 -c -v -x" ;;
    qmqp-source) echo "-4 -6 -c -C -f -l -m -M -r -R -s -t -v -w" ;;
    qshape) echo "-b -c -l -m -n -N -p -s -S -t -w" ;;
    sendmail) echo "-bd -bh -bi -bl -bm -bp -bs -bv -B -C -f -F -i -I -N -n -O -o -oi -q -R -r -t -v -V" ;;
    smtp-sink) echo "-4 -6 -8 -a -A -b -B -c -C -d -D -e -E -f -F -h -H -L -m -M -n -N -p -P -q -Q -r -R -s -S -t -T -u -v -w -W" ;;
    smtp-source) echo "-4 -6 -A -c -C -d -f -F -l -L -m -M -N -o -r -R -s -S -t -T -v -w" ;;
    esac
}

# Options with an argument that is no word of the command itself.
_tassis_takes_argument() {
    case $1:$2 in
    smtp-s*:-c | qmqp-s*:-c) return 1 ;;
    smtp-source:-F | smtp-sink:-[dDfqQrRsuW]) ;;
    *:-c | sendmail:-[CO] | postsuper:-[dehHfr] | postqueue:-[is] | posttls-finger:-t | postconf:-[CTo] | postlog:-p) ;;
    sendmail:-qI | postmulti:-e | postmap:-[qd] | postalias:-[qd]) ;;
    *) return 1 ;;
    esac
}

# What such an argument can be.
_tassis_argument() {
    case $1:$2 in
    smtp-source:-F | smtp-sink:-[dD]) compgen -f -- "$3" ;;
    smtp-sink:-[fqQrsW])
        compgen -W "CONNECT HELO EHLO LHLO XCLIENT XFORWARD AUTH MAIL RCPT DATA . RSET NOOP VRFY QUIT" -- "$3"
        ;;
    smtp-sink:-R) compgen -d -- "$3" ;;
    smtp-sink:-u) compgen -u -- "$3" ;;
    *:-c | sendmail:-C | sendmail:-O) compgen -d -- "$3" ;;
    postsuper:-[dehHfr]) compgen -W "ALL - $(_tassis_queue_ids)" -- "$3" ;;
    postqueue:-i | sendmail:-qI) compgen -W "$(_tassis_queue_ids)" -- "$3" ;;
    postqueue:-s | posttls-finger:-t) compgen -A hostname -- "$3" ;;
    postconf:-C) compgen -W "builtin service user all" -- "$3" ;;
    postconf:-T) compgen -W "compile-version run-version public-key-algorithms" -- "$3" ;;
    postconf:-o) compgen -S = -W "$(_tassis_parameters)" -- "$3" ;;
    postlog:-p) compgen -W "info warn error fatal panic" -- "$3" ;;
    postmulti:-e) compgen -W "init create destroy import deport enable disable assign" -- "$3" ;;
    esac
}

_tassis_verbs="abort check drain explain flush import logrotate reload set-permissions start start-fg status stop
    upgrade-configuration"

_tassis_verb() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -c) ((i++)) ;;
        -*) ;;
        *) echo "${COMP_WORDS[i]}" && return ;;
        esac
    done
}

_tassis_control_words() {
    case $(_tassis_verb) in
    "") compgen -W "$_tassis_verbs" -- "$1" ;;
    check) compgen -W "-j" -- "$1" ;;
    explain) compgen -W "--from --helo --sender --service" -- "$1" ;;
    import)
        compgen -W "-n --back" -- "$1"
        compgen -d -- "$1"
        ;;
    esac
}

_tassis_has() { [[ " ${COMP_WORDS[*]:1:COMP_CWORD-1} " == *" $1 "* ]]; }

_tassis_words() {
    case $1 in
    tassis | postfix) _tassis_control_words "$2" ;;
    postconf)
        if _tassis_has -M || _tassis_has -F || _tassis_has -P; then
            compgen -W "$(_tassis_services)" -- "$2"
        elif _tassis_has -e; then
            compgen -S = -W "$(_tassis_parameters)" -- "$2"
        else
            compgen -W "$(_tassis_parameters)" -- "$2"
        fi
        ;;
    postcat)
        if _tassis_has -q; then compgen -W "$(_tassis_queue_ids)" -- "$2"; else compgen -f -- "$2"; fi
        ;;
    postsuper | qshape) compgen -W "hold incoming active deferred maildrop" -- "$2" ;;
    postmap | postalias)
        compgen -S : -W "$(_tassis_table_types)" -- "$2"
        compgen -f -- "$2"
        ;;
    postkick) compgen -W "public private" -- "$2" ;;
    postlock) compgen -f -- "$2" ;;
    sendmail) compgen -u -- "$2" ;;
    smtp-s* | qmqp-s*) compgen -W "inet: unix:" -- "$2" ;;
    esac
}

_tassis() {
    local command=${1##*/} current=$2 previous=$3 found
    [[ $current == ":" ]] && current=
    if [[ $previous == ":" ]]; then # behind "type:"
        found=$(compgen -f -- "$current")
    elif _tassis_takes_argument "$command" "$previous"; then
        found=$(_tassis_argument "$command" "$previous" "$current")
    elif [[ $current == -* && ! ( $command == @(tassis|postfix) && $(_tassis_verb) ) ]]; then
        found=$(compgen -W "$(_tassis_options "$command")" -- "$current")
    else
        found=$(_tassis_words "$command" "$current")
    fi
    COMPREPLY=()
    [[ $found ]] && mapfile -t COMPREPLY <<<"$found"
    # The value of a parameter, or the file of a table, comes right behind.
    [[ ${COMPREPLY[0]} == *[=:] ]] && compopt -o nospace 2>/dev/null
    return 0
}

complete -F _tassis tassis postfix postconf postsuper postqueue postcat postmap postalias postkick postlock postlog \
    postdrop postmulti posttls-finger qmqp-sink qmqp-source qshape sendmail smtp-sink smtp-source
