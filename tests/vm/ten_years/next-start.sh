# The kernel takes what db gained. The next module key waits for a start with its certificate; meanwhile a laptop is stolen.
run insmod /opt/vendor.ko
run rmmod dummy
run bootseal keys rotate module --authority /stick
run bootseal enroll add db /etc/bootseal/keys/rotation/module/module.pem --keys /stick --yes
cp -a /etc/bootseal/keys /opt/last-week
run bootseal keys revoke db --authority /stick --yes --reason 'the laptop was stolen'
clean 'our own certificate is revoked'
