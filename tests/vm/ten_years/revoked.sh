# The old key of db starts nothing, and the new one of modules is known. A backup of last week is restored over today, and then the
# firmware's setup forgets all keys.
run insmod /opt/old.ko
run bootseal keys rotate module --authority /stick
cp /lib/modules/*/kernel/drivers/net/dummy.ko /opt/new.ko
run insmod /opt/new.ko
skip=
clean 'another module key'
rm -r /etc/bootseal/keys
cp -a /opt/last-week /etc/bootseal/keys
look 'a backup of last week'
heed "$(first_remedy)"
look 'its private keys'
rm -r /etc/bootseal/keys
run bootseal ceremony restore --only db,module,grub --shares /shares --with /stick "$(archive)" /etc/bootseal/keys
clean 'the keys of today'
# A keeper loses a share, and the archive is lost: there are another one, and other shares, when the stick is lost as well.
rm -r "$(dirname "$(archive)")" /shares
heed 'bootseal ceremony backup --authority STICK DIR'
clean 'archive and share are lost'
rm -r /stick
run bootseal ceremony restore --only PK,KEK --shares /shares --with /etc/bootseal/keys "$(archive)" /opt/stick
mv /opt/stick /stick
clean 'the stick is lost'
run bootseal enroll reset --keys /stick --yes
clean 'a factory reset'
