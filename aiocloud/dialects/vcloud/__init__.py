"""VMware's vCloud API: XML documents that link to one another, sessions, and tasks for whatever takes time.

It began in 2009 as vCloud Express (version 0.8) and lives on in VMware Cloud Director:
https://developer.broadcom.com/xapis/vmware-cloud-director-api/latest/
"""
