#!/bin/sh
# A real mail server, Postfix as Debian has it, with everything it owns in one folder; needs root.
#
#   mail_server.sh setup DIR PORT USER PASSWORD    makes the folder's contents: an authority, settings, an account
#   mail_server.sh start DIR                       listens on 127.0.0.1, tells the process
#   mail_server.sh stop DIR
#
# It takes mail over TLS only, from who has signed in, for any address in example.com, and puts all of it into the
# Maildir DIR/mail/all. DIR/ca.pem is the authority behind its certificate. Nothing ever leaves the machine.
set -eu

[ $# -ge 2 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
what=$1 dir=$2
etc=$dir/etc

certificates() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=postbox authority" \
        -addext basicConstraints=critical,CA:TRUE -keyout "$dir/ca.key" -out "$dir/ca.pem"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=mail.example.com" \
        -keyout "$etc/key.pem" -out "$dir/request.pem"
    printf 'basicConstraints=critical,CA:FALSE\nsubjectAltName=IP:127.0.0.1,DNS:mail.example.com\n' >"$dir/names"
    openssl x509 -req -in "$dir/request.pem" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
        -extfile "$dir/names" -out "$etc/certificate.pem"
}

setup() {
    port=$1 user=$2 password=$3
    # Postfix works as several users, none of whom need see more than this.
    chmod 755 "$dir"
    mkdir -p "$etc/sasl" "$dir/queue" "$dir/data" "$dir/mail"
    chown postfix "$dir/data"
    chown nobody "$dir/mail"
    certificates >"$dir/openssl.log" 2>&1 || { cat "$dir/openssl.log" >&2; exit 1; }

    printf '%s' "$password" | saslpasswd2 -p -c -f "$etc/sasl/sasldb2" -u postbox "$user"
    chown postfix "$etc/sasl/sasldb2"
    cat >"$etc/sasl/smtpd.conf" <<END
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: $etc/sasl/sasldb2
mech_list: PLAIN LOGIN
END

    cat >"$etc/main.cf" <<END
compatibility_level = 3.6
queue_directory = $dir/queue
data_directory = $dir/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = $dir/postfix.log
maillog_file_prefixes = $dir
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.com
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
default_transport = error:nothing leaves this machine
virtual_mailbox_domains = example.com
virtual_mailbox_base = $dir/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:$(id -u nobody)
virtual_gid_maps = static:$(id -g nobody)
smtpd_peername_lookup = no
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = $etc/certificate.pem
smtpd_tls_key_file = $etc/key.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = postbox
cyrus_sasl_config_path = $etc/sasl
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
END

    cat >"$etc/master.cf" <<END
127.0.0.1:$port inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n -  0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n -  - trivial-rewrite
bounce    unix  - - n -  0 bounce
defer     unix  - - n -  0 bounce
trace     unix  - - n -  0 bounce
verify    unix  - - n -  1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n -  - proxymap
error     unix  - - n -  - error
retry     unix  - - n -  - error
virtual   unix  - n n -  - virtual
anvil     unix  - - n -  1 anvil
postlog   unix-dgram n - n - 1 postlogd
END
}

case $what in
setup)
    [ $# -eq 5 ]
    setup "$3" "$4" "$5"
    ;;
start)
    postfix -c "$etc" start >"$dir/start.log" 2>&1 || { cat "$dir/start.log" "$dir/postfix.log" >&2; exit 1; }
    tr -d ' ' <"$dir/queue/pid/master.pid"
    ;;
stop)
    postfix -c "$etc" stop >"$dir/stop.log" 2>&1 || { cat "$dir/stop.log" >&2; exit 1; }
    ;;
*) exit 2 ;;
esac
