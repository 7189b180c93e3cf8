# The first session: firmware in Setup Mode, and what an audit names until it is content. The key of db is not rotated here: it will be
# when it is revoked.
run bootseal sign all
clean 'the first day'
for key in KEK PK; do
    run bootseal keys rotate "$key" --keys /stick --yes
    clean "another $key"
done
run bootseal keys rotate grub --trusted --authority /stick
clean 'another key of GRUB'
run bootseal enroll add dbx /opt/vendor-old.efi --keys /stick --yes
run bootseal verify /opt/vendor.efi
run bootseal enroll add db /opt/vendor.pem --keys /stick --yes
run bootseal verify /opt/vendor.efi /opt/vendor-old.efi
run bootseal enroll add db /etc/bootseal/keys/module.pem --keys /stick --yes
clean 'what a vendor signs, and a revocation'
