#include "reserved.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* In the order of strcmp. Where the names come from:
 * - base-passwd's masters of Debian, Fedora's uidgid, systemd's sysusers.d/basic.conf
 * - users and groups which packages of Debian and Fedora make when they are installed: one that is
 *   installed tomorrow must not find a person under its name and make itself at home there
 * - groups that are root by another name, or nearly: sudo, wheel, docker, lxd, disk, libvirt, mock
 * - the first users of cloud images (debian, ec2-user, vagrant): sudoers.d may still let them do
 *   anything when the account is long gone
 * - kratosd itself, and the servers that it asks
 * Names that no person can have here, such as those with capitals, need not stand in it. */
static const char *const names[] = { "abrt", "activemq", "adm", "admin", "administrator",
        "almalinux", "amanda", "amandabackup", "amavis", "ansible", "apache", "apache2", "arpwatch",
        "asterisk", "audio", "auditd", "avahi", "avahi-autoipd", "azureuser", "backup", "bacula",
        "barbican", "bin", "bind", "bird", "bluetooth", "brlapi", "buildd", "caddy", "calico",
        "cassandra", "cdrom", "ceilometer", "centos", "ceph", "chef", "chrony", "cinder", "clamav",
        "clamilt", "clamscan", "clamupdate", "clevis", "cloud-init", "cloud-user", "collectd",
        "colord", "condor", "console", "consul", "containerd", "core", "coturn", "couchdb", "crio",
        "crontab", "cups", "cups-pk-helper", "cvs", "cyrus", "daemon", "dbus", "debian",
        "designate", "desktop", "dhcp", "dhcpcd", "dhcpd", "dialout", "dip", "disk", "dnsdist",
        "dnsmasq", "docker", "dockerroot", "dovecot", "dovenull", "ec2-user", "ejabberd",
        "elasticsearch", "etcd", "exim", "exim4", "fax", "fedora", "festival", "fetchmail",
        "flannel", "flatpak", "floppy", "freerad", "freeswitch", "frr", "frrvty", "ftp", "fuse",
        "fwupd-refresh", "games", "gdm", "geoclue", "gerrit", "git", "gitea", "gitlab",
        "gitlab-runner", "gitlab-www", "glance", "gluster", "gnats", "gnome-initial-setup",
        "gnome-remote-desktop", "gopher", "gpio", "grafana", "guest", "gunicorn", "haclient",
        "hacluster", "haldaemon", "halt", "haproxy", "heat", "hplip", "http", "httpd", "hydra",
        "i2c", "icinga", "icinga2", "ident", "identd", "incus", "incus-admin", "inetd", "influx",
        "influxdb", "input", "iodine", "ipaapi", "irc", "ironic", "jellyfin", "jenkins", "jetty",
        "jitsi", "journal", "jvb", "kafka", "kdump", "kernoops", "keto", "keystone", "kibana",
        "kmem", "knot", "knot-resolver", "kratos", "kratosd", "kube", "kube-cert", "kubelet", "kvm",
        "ldap", "libvirt", "lightdm", "lighttpd", "list", "lock", "logcheck", "logstash", "loki",
        "lp", "lpadmin", "lpd", "lxc-dnsmasq", "lxd", "lxdm", "mail", "mailman", "mailnull", "man",
        "manila", "mariadb", "matrix-synapse", "mem", "memcache", "memcached", "messagebus",
        "microk8s", "minidlna", "minio", "mlocate", "mock", "mongod", "mongodb", "mosquitto", "mpd",
        "munge", "munin", "mysql", "nagios", "named", "netdata", "netdev", "netdump", "neutron",
        "news", "nfsnobody", "nginx", "nobody", "node_exporter", "nogroup", "nomad", "nordvpn",
        "nova", "nrpe", "nscd", "nsd", "nslcd", "ntp", "ntpd", "ntpsec", "nut", "nxuser",
        "oathkeeper", "octavia", "ods", "opc", "opendkim", "opendmarc", "opendnssec", "openldap",
        "openntpd", "opensearch", "opensuse", "openvpn", "operator", "oprofile", "ossec", "ovirt",
        "ovirtagent", "pacemaker", "packagekit", "pbs", "pcap", "pdns", "pgbouncer", "php-fpm",
        "pi", "pipewire", "pki-tomcat", "pkiuser", "plex", "plocate", "plugdev", "podman",
        "policyd-spf", "polkitd", "polkituser", "postdrop", "postfix", "postgres", "postgrey",
        "postsrsd", "powerdev", "powerdns", "privoxy", "proftpd", "prometheus", "prosody", "proxy",
        "pulse", "pulse-access", "puppet", "qemu", "quagga", "quaggavt", "quantum", "rabbitmq",
        "radiusd", "radvd", "realtime", "redis", "render", "retrace", "rhel", "rocky", "root",
        "rpc", "rpcuser", "rpm", "rstudio-server", "rsync", "rtkit", "rwhod", "salt", "samba",
        "sambashare", "saned", "sanlock", "sasl", "saslauth", "sbuild", "scanner", "screen", "sddm",
        "security", "sendmail", "setroubleshoot", "sgx", "shadow", "shutdown", "slapd", "slocate",
        "slurm", "smmsp", "smmta", "snap_daemon", "snapd", "snmp", "snmpd", "snort", "spamd",
        "speech-dispatcher", "spi", "squid", "src", "ssh", "ssh_keys", "sshd", "ssl-cert", "sssd",
        "staff", "stap-server", "stapdev", "stapsys", "stapusr", "statd", "strongswan", "stunnel4",
        "sudo", "sudoers", "suricata", "svn", "swift", "sync", "sys", "syslog", "tailscale", "tang",
        "tape", "tcpdump", "telegraf", "tftp", "tftpd", "tomcat", "toor", "toranon", "traefik",
        "transmission", "trusted", "tss", "tty", "turnserver", "ubuntu", "uinput", "unbound",
        "usbmux", "usbmuxd", "users", "utempter", "utmp", "uucp", "uuidd", "uwsgi", "vagrant",
        "valkey", "varnish", "vault", "vboxadd", "vboxsf", "vboxusers", "vcache", "vcsa", "vdsm",
        "vhostmd", "video", "vmail", "voice", "vsftpd", "wazuh", "wbpriv", "webalizer", "wheel",
        "whoopsie", "wildfly", "winbindd_priv", "wine", "wireguard", "wireshark", "www", "www-data",
        "xdm", "xfs", "zabbix", "zerotier-one", "zookeeper" };

/* Beginnings, and who makes names that begin so. DynamicUser= takes the unit's name, which the
 * table above may know, or else _du and digits. */
static const char *const prefixes[] = {
        "_",            /* Debian Policy 9.2.1: system users */
        "debian-",      /* the older form of the same: debian-tor, debian-spamd */
        "systemd-",     /* systemd's own services: systemd-network, systemd-journal */
        "vu-",          /* systemd-machined: a user of a container, vu-CONTAINER-UID */
        "vg-",          /* likewise its groups */
        "foreign-",     /* systemd 258 and later: names for numbers from 2147352576 up */
        "libvirt-",     /* libvirt-qemu, libvirt-dnsmasq */
        "snapd-range-", /* snapd's users for whole ranges: snapd-range-524288-root */
        "nixbld",       /* Nix's builders and their group */
        "guixbuild",    /* likewise Guix's */
        "cockpit-",     /* cockpit-ws, cockpit-session-socket */
        "pcp-", "nm-",  /* helpers of Performance Co-Pilot and of NetworkManager */
        "kratosd-",     /* kept for ourselves */
};

typedef struct range {
        uid_t first;
        uid_t last;
} range;

/* Numbers that mean something to the kernel or to systemd (its UIDS-GIDS documentation), so that
 * whoever had one would be somebody else as well. The ranges of containers (524288 to 1879048191)
 * and of subordinate ids (from 100000 up) are not here: sites have given numbers among them to
 * people for decades, and the administrator may say so with AllowUIDs=. */
static const range ranges[] = {
        { 0, SYSTEM_NUMBER_MAX }, /* root, system users and groups */
        { 60001, 60513 },         /* systemd-homed gives them out by a hash of the name */
        { 60514, 60577 },         /* users of the host as systemd-nspawn shows them in containers */
        { 61184, 65519 },         /* DynamicUser=: the next service to start may get it */
        { 65534, 65535 },         /* nobody, and (uid_t) -1 where it has 16 bits */
        /* systemd's foreign range, to whose files all users have access; some programs take numbers
         * from 2147483648 up for negative ones; NFS's nobody (-2); (uid_t) -1 */
        { OWN_NUMBER_MAX + 1, UINT32_MAX },
};

static int compare(const void *name, const void *entry)
{
        return strcmp(name, *(const char *const *)entry);
}

bool name_is_reserved(const char *name)
{
        for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
                if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
                        return true;
        return bsearch(name, names, sizeof(names) / sizeof(names[0]), sizeof(names[0]), compare);
}

bool number_is_reserved(uid_t number)
{
        return numbers_are_reserved(number, number);
}

bool numbers_are_reserved(uid_t first, uid_t last)
{
        for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
                if (first <= ranges[i].last && last >= ranges[i].first)
                        return true;
        return false;
}
