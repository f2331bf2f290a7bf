# fish completion for the commands of Tassis: verbs, options, parameter names, table types, queue IDs.

function __tassis_queue_ids
    postqueue -j 2>/dev/null | string replace -rf '.*"queue_id": "([^"]*)".*' '$1'
end

function __tassis_parameters
    postconf -dH 2>/dev/null
    postconf -nH 2>/dev/null
end

function __tassis_table_types
    postconf -m 2>/dev/null | string replace -r '$' ':'
end

set -l verbs abort check drain explain flush import logrotate reload set-permissions start start-fg status stop upgrade-configuration
for command in tassis postfix
    complete -c $command -f -n "not __fish_seen_subcommand_from $verbs" -a "$verbs"
    complete -c $command -n "__fish_seen_subcommand_from check" -s j -d 'As JSON'
    complete -c $command -n "__fish_seen_subcommand_from explain" -l from -x -d 'Client address'
    complete -c $command -n "__fish_seen_subcommand_from explain" -l helo -x -d 'Name in HELO'
    complete -c $command -n "__fish_seen_subcommand_from explain" -l sender -x -d 'Sender'
    complete -c $command -n "__fish_seen_subcommand_from explain" -l service -x -d 'SMTP server in master.cf'
    complete -c $command -n "__fish_seen_subcommand_from import" -s n -d 'Change nothing'
    complete -c $command -n "__fish_seen_subcommand_from import" -l back -d 'Return to Postfix'
end

for command in tassis postfix postconf postsuper postqueue postcat postmap postalias postkick postlock postlog qshape
    complete -c $command -s c -x -a '(__fish_complete_directories)' -d 'Configuration directory'
end

complete -c postconf -f -a '(__tassis_parameters)'
complete -c postconf -s e -d 'Edit'
complete -c postconf -s n -d 'Set ones'
complete -c postconf -s d -d 'Defaults'
complete -c postconf -s h -d 'Values alone'
complete -c postconf -s H -d 'Names alone'
complete -c postconf -s x -d 'Expand'
complete -c postconf -s j -d 'As JSON'
complete -c postconf -s M -d 'Services'

for option in 'd Delete' 'h Hold' 'H Release' 'r Requeue' 'e Expire' 'f "Expire, and release"'
    set -l words (string split -m 1 ' ' $option)
    complete -c postsuper -f -s $words[1] -x -a 'ALL (__tassis_queue_ids)' -d $words[2]
end
complete -c postsuper -f -a 'hold incoming active deferred'
complete -c postqueue -f -s p -d 'List'
complete -c postqueue -f -s j -d 'List as JSON'
complete -c postqueue -f -s f -d 'Try all again'
complete -c postqueue -f -s i -x -a '(__tassis_queue_ids)' -d 'Try one again'
complete -c postqueue -f -s s -x -a '(__fish_print_hostnames)' -d 'Try a site again'
complete -c postcat -s q -x -a '(__tassis_queue_ids)' -d 'By queue ID'
for command in postmap postalias
    complete -c $command -a '(__tassis_table_types)'
    complete -c $command -s q -x -d 'Look up'
    complete -c $command -s d -x -d 'Delete'
    complete -c $command -s s -d 'List'
end
complete -c qshape -f -a 'hold incoming active deferred'
for command in smtp-source qmqp-source
    complete -c $command -f -s c -d 'Show a count'
    complete -c $command -s m -x -d 'Messages'
    complete -c $command -s s -x -d 'Sessions'
    complete -c $command -s f -x -d 'Sender'
    complete -c $command -s t -x -d 'Recipient'
end
complete -c smtp-source -s F -r -d 'Message to send'
complete -c smtp-sink -f -s c -d 'Show a count'
complete -c smtp-sink -s d -r -d 'A file for each message'
complete -c smtp-sink -s D -r -d 'A file for all messages'
complete -c smtp-sink -s u -x -a '(__fish_complete_users)' -d 'User to become'
